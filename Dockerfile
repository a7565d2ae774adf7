# What `npm pack` packs, the packages it runs on, and nothing else: no sources, no tests, no build tools, no embedded PostgreSQL.
# The digest is that of the tag, for all platforms; Dependabot keeps both up to date.

FROM node:26.10.0-trixie-slim@sha256:ec7758ee051e457b468b32bde57b0879010b325bb9862718e9615225ce4aaae1 AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=optional --ignore-scripts --no-audit --no-fund
# .dockerignore is a list of what may come in.
COPY . .
RUN npm pack --silent && tar -xzf ingot-*.tgz && cp package-lock.json package/
WORKDIR /build/package
# Types and maps of packages are three quarters of their 115 MB, and nobody reads them at run time.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && rm package-lock.json \
    && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete

FROM node:26.10.0-trixie-slim@sha256:ec7758ee051e457b468b32bde57b0879010b325bb9862718e9615225ce4aaae1 AS service
# Nothing is installed at run time: without npm there is less to keep patched.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx && install -d -o node -g node /var/spool/ingot
WORKDIR /app
COPY --from=build /build/package ./

ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Ingot" \
      org.opencontainers.image.description="Sensor lines in over HTTP, refined by incremental SQL models on PostgreSQL, served through SQL endpoints." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="docker.io/library/node:26.10.0-trixie-slim"

ENV NODE_ENV=production HOST=0.0.0.0 INGOT_SPOOL_DIR=/var/spool/ingot
# The one place that is written to: run it with a read-only root file system.
VOLUME /var/spool/ingot
EXPOSE 3000
# By number, so that Kubernetes can see that it is not root.
USER 1000:1000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s CMD ["node", "scripts/health-check.mjs"]
# node itself is process 1 and gets the signals; it starts no other process.
ENTRYPOINT ["node", "scripts/ingot.mjs"]
CMD ["start"]
