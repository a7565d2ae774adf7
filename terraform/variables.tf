variable "project_id" {
  description = "Google Cloud project that holds this environment, and nothing else: alerts look at all metrics of the project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project ID (6 to 30 lower-case letters, digits and hyphens), not a project number or name."
  }
}

variable "region" {
  description = "Region of the service and its database."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1; a zone such as europe-west1-b is not one."
  }
}

variable "environment" {
  description = "Name of the environment; part of every resource's name."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "image" {
  description = "Container image of Ingot by digest. null makes everything but the service: for the first apply, before there is an image."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[a-z0-9.-]+(/[A-Za-z0-9._-]+)+(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must name a registry and a digest (HOST/PROJECT/REPOSITORY/ingot@sha256:...): a tag alone can change between the migration and the service."
  }
}

variable "subnet_cidr" {
  description = "Private IPv4 range of the subnet that Cloud Run sends from; an instance takes about two addresses, twice that while a release rolls out."
  type        = string
  default     = "10.10.0.0/24"

  validation {
    condition     = can(cidrnetmask(var.subnet_cidr)) && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.subnet_cidr)) && tonumber(try(split("/", var.subnet_cidr)[1], 32)) <= 26
    error_message = "subnet_cidr must be a private range (RFC 1918) of /26 or larger: Cloud Run takes no smaller subnet."
  }
}

variable "database" {
  description = "Cloud SQL instance. A change of tier or high_availability restarts it."
  type = object({
    version               = optional(string, "POSTGRES_18")
    tier                  = string
    edition               = optional(string, "ENTERPRISE")
    high_availability     = bool
    disk_gb               = optional(number, 20)
    disk_limit_gb         = optional(number, 500)
    backups               = optional(number, 7)
    recovery_days         = optional(number, 7)
    deletion_protection   = bool
    slow_statement_ms     = optional(number, 1000)
    maintenance_day       = optional(number, 7)
    maintenance_hour      = optional(number, 3)
    additional_flags      = optional(map(string), {})
    password_version      = optional(number, 1)
    insights_query_length = optional(number, 2048)
  })

  validation {
    condition     = contains(["POSTGRES_15", "POSTGRES_16", "POSTGRES_17", "POSTGRES_18"], var.database.version)
    error_message = "database.version must be POSTGRES_15 to POSTGRES_18: what Ingot is tested on."
  }
  validation {
    condition     = contains(["ENTERPRISE", "ENTERPRISE_PLUS"], var.database.edition)
    error_message = "database.edition must be ENTERPRISE or ENTERPRISE_PLUS."
  }
  validation {
    condition     = var.database.edition == "ENTERPRISE_PLUS" ? startswith(var.database.tier, "db-perf-optimized-") : can(regex("^db-(f1-micro|g1-small|custom-[0-9]+-[0-9]+)$", var.database.tier))
    error_message = "database.tier must be db-custom-CPUS-MEGABYTES (or db-f1-micro, db-g1-small) in ENTERPRISE, db-perf-optimized-N-... in ENTERPRISE_PLUS."
  }
  validation {
    condition     = var.database.disk_gb >= 10 && var.database.disk_limit_gb >= var.database.disk_gb
    error_message = "database.disk_gb must be at least 10, and disk_limit_gb at least that."
  }
  validation {
    condition     = var.database.backups >= 1 && var.database.backups <= 365
    error_message = "database.backups must be 1 to 365."
  }
  validation {
    condition     = var.database.recovery_days >= 1 && var.database.recovery_days <= (var.database.edition == "ENTERPRISE_PLUS" ? 35 : 7) && var.database.recovery_days <= var.database.backups
    error_message = "database.recovery_days must be 1 to 7 (35 in ENTERPRISE_PLUS), and no more than there are daily backups."
  }
  validation {
    condition     = length(setintersection(keys(var.database.additional_flags), ["fsync", "full_page_writes", "synchronous_commit", "max_connections"])) == 0
    error_message = "database.additional_flags must leave durability alone, which acknowledgements depend on, and max_connections, which follows from the instances."
  }
  validation {
    condition     = var.database.password_version >= 1 && floor(var.database.password_version) == var.database.password_version
    error_message = "database.password_version must be a whole number from 1; raise it to give every login a new password."
  }
  validation {
    condition     = var.environment != "prod" || (var.database.high_availability && var.database.deletion_protection)
    error_message = "prod needs database.high_availability and database.deletion_protection."
  }
}

variable "api" {
  description = "Instances that take lines and answer. read_pool_max decides how many requests an instance takes at a time, and with the instances the connections of the database."
  type = object({
    min_instances = number
    max_instances = number
    cpu           = optional(number, 2)
    memory_mib    = optional(number, 2048)
    spool_mib     = optional(number, 512)
    read_pool_max = optional(number, 10)
  })

  validation {
    condition     = var.api.min_instances >= 0 && var.api.max_instances >= 1 && var.api.max_instances <= 100 && var.api.min_instances <= var.api.max_instances
    error_message = "api.min_instances must be 0 to api.max_instances, which must be 1 to 100."
  }
  validation {
    condition     = contains([1, 2, 4, 6, 8], var.api.cpu)
    error_message = "api.cpu must be 1, 2, 4, 6 or 8: what Cloud Run offers with CPU that is always there."
  }
  validation {
    condition     = var.api.memory_mib >= 1024 && var.api.memory_mib <= 32768 && var.api.spool_mib >= 1 && var.api.spool_mib <= var.api.memory_mib / 2
    error_message = "api.memory_mib must be 1024 to 32768, and spool_mib no more than half of it: files of a Cloud Run instance are kept in its memory."
  }
  validation {
    condition     = var.api.read_pool_max >= 2 && var.api.read_pool_max <= 100
    error_message = "api.read_pool_max must be 2 to 100."
  }
  validation {
    condition     = var.environment != "prod" || var.api.min_instances >= 2
    error_message = "prod needs api.min_instances of 2 or more."
  }
}

variable "transform" {
  description = "Instances that run the models. One does the work, the others wait for the lock; one is enough where a pause of a minute is."
  type = object({
    instances    = number
    cpu          = optional(number, 1)
    memory_mib   = optional(number, 1024)
    run_max_rows = optional(number, 1000000)
  })

  validation {
    condition     = var.transform.instances >= 1 && var.transform.instances <= 5
    error_message = "transform.instances must be 1 to 5; with none, nothing is ever refined."
  }
  validation {
    condition     = contains([1, 2, 4], var.transform.cpu) && var.transform.memory_mib >= 512 && var.transform.memory_mib <= 16384
    error_message = "transform.cpu must be 1, 2 or 4, transform.memory_mib 512 to 16384."
  }
  validation {
    condition     = var.transform.run_max_rows >= 1
    error_message = "transform.run_max_rows must be at least 1."
  }
}

variable "public" {
  description = "Whether devices reach the service at its run.app address. false leaves it to the VPC and to a load balancer of yours. API keys are required in both cases."
  type        = bool
  default     = true
}

variable "trusted_proxies" {
  description = "Addresses whose X-Forwarded-For is believed (INGOT_TRUST_PROXY). The default is the link-local range that Cloud Run's own front end speaks from."
  type        = list(string)
  default     = ["169.254.0.0/16"]

  validation {
    condition     = alltrue([for range in var.trusted_proxies : can(cidrhost(range, 0)) && !endswith(range, "/0")])
    error_message = "trusted_proxies must be CIDR ranges; a range of everybody (/0) lets any client choose its address."
  }
}

variable "settings" {
  description = "Further settings of Ingot (README.md, Configuration), for instance { INGOT_FRESHNESS_WAIT_MS = \"2000\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^(INGOT|OTEL)_[A-Z_]+$", name))])
    error_message = "settings must name variables of Ingot: INGOT_... or OTEL_...; secrets do not belong here."
  }
  validation {
    condition     = length(setintersection(keys(var.settings), ["INGOT_AUTH", "INGOT_ROLE", "INGOT_APPLY", "INGOT_TRUST_PROXY", "INGOT_METRICS", "INGOT_READ_POOL_MAX", "INGOT_RUN_MAX_ROWS", "INGOT_SPOOL_TOTAL_BYTES", "INGOT_SPOOL_READ_BYTES", "INGOT_SHUTDOWN_MS", "INGOT_MIN_FREE_DISK_BYTES", "INGOT_ALLOW_UNSAFE_DURABILITY"])) == 0
    error_message = "settings must not set what this configuration decides itself: roles, authentication, durability, pools, spool and shutdown."
  }
}

variable "trace_ratio" {
  description = "Share of requests that are traced to Cloud Trace; 0 traces nothing."
  type        = number
  default     = 0

  validation {
    condition     = var.trace_ratio >= 0 && var.trace_ratio <= 1
    error_message = "trace_ratio must be 0 to 1."
  }
}

variable "collector_image" {
  description = "Google's build of the OpenTelemetry collector, which carries /metrics and traces to Cloud Monitoring and Cloud Trace."
  type        = string
  default     = "us-docker.pkg.dev/cloud-ops-agents-artifacts/google-cloud-opentelemetry-collector/otelcol-google:0.156.0"

  validation {
    condition     = can(regex("(:[0-9]+\\.[0-9]+\\.[0-9]+|@sha256:[0-9a-f]{64})$", var.collector_image))
    error_message = "collector_image must be pinned by a full version or a digest."
  }
}

variable "alert_emails" {
  description = "Who is told when an alert fires."
  type        = list(string)

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+$", address))])
    error_message = "alert_emails must be mail addresses."
  }
  validation {
    condition     = var.environment != "prod" || length(var.alert_emails) > 0
    error_message = "prod needs somebody in alert_emails."
  }
}

variable "runbooks_url" {
  description = "Where your people read docs/runbooks; each alert links to <runbooks_url>/<alert>.md, for instance https://github.com/OWNER/REPOSITORY/blob/main/docs/runbooks."
  type        = string

  validation {
    condition     = can(regex("^https://[^[:space:]]+[^/]$", var.runbooks_url))
    error_message = "runbooks_url must be an https:// address without a slash at its end."
  }
}

variable "registry_readers" {
  description = "Service accounts of other projects that may pull images from here, for instance those of the next environment: serviceAccount:..."
  type        = list(string)
  default     = []
}
