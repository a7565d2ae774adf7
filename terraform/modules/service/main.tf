locals {
  port = 3000

  # Cloud Run kills an instance ten seconds after SIGTERM.
  shutdown_ms = 9000

  env = merge({
    HOST              = "0.0.0.0"
    INGOT_ROLE        = var.role
    INGOT_AUTH        = "required"
    INGOT_APPLY       = "manual" # the operator job has done it
    INGOT_SHUTDOWN_MS = tostring(local.shutdown_ms)
    INGOT_TRUST_PROXY = join(",", var.trusted_proxies)

    # The one disk an instance sees is its own memory, which the spool bounds; Cloud SQL's has an alert.
    INGOT_MIN_FREE_DISK_BYTES = "0"

    INGOT_READ_POOL_MAX     = tostring(var.read_pool_max)
    INGOT_READ_POOL_MIN     = tostring(min(2, var.read_pool_max))
    INGOT_SPOOL_TOTAL_BYTES = tostring(var.spool_mib * 1048576)
    INGOT_SPOOL_READ_BYTES  = tostring(var.spool_mib * 1048576)
    }, var.trace_ratio == 0 ? {} : {
    OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
    OTEL_SERVICE_NAME           = var.name
    OTEL_TRACES_SAMPLER         = "parentbased_traceidratio"
    OTEL_TRACES_SAMPLER_ARG     = tostring(var.trace_ratio)
  }, var.settings)
}

resource "google_cloud_run_v2_service" "this" {
  name                 = var.name
  location             = var.region
  ingress              = "INGRESS_TRAFFIC_${var.ingress}"
  invoker_iam_disabled = var.invoker_iam_disabled # devices have keys of Ingot's, not identities of Google's
  deletion_protection  = var.deletion_protection
  labels               = var.labels

  template {
    service_account                  = var.service_account
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.concurrency
    timeout                          = "${var.timeout_seconds}s"
    labels                           = var.labels

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    containers {
      name       = "ingot"
      image      = var.image
      depends_on = ["collector"]

      ports {
        container_port = local.port # Cloud Run hands it over as PORT
      }

      resources {
        limits            = { cpu = tostring(var.cpu), memory = "${var.memory_mib}Mi" }
        cpu_idle          = false # flushes, runs and scrapes go on between requests
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.env

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secrets

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = env.value.secret
              version = env.value.version
            }
          }
        }
      }

      volume_mounts {
        name       = "database-ca"
        mount_path = dirname(var.server_ca_path)
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 60

        http_get {
          path = "/health/ready"
          port = local.port
        }
      }

      readiness_probe {
        period_seconds    = 5
        timeout_seconds   = 2
        failure_threshold = 2
        success_threshold = 1

        http_get {
          path = "/health/ready"
          port = local.port
        }
      }

      # Says only that the process runs: a database that is gone is no reason to start it anew.
      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 5
        failure_threshold = 6

        http_get {
          path = "/health/live"
          port = local.port
        }
      }
    }

    containers {
      name  = "collector"
      image = var.collector.image
      args  = ["--config=env:COLLECTOR_CONFIG"]

      env {
        name = "COLLECTOR_CONFIG"
        value = templatefile("${path.module}/collector.yaml.tftpl", {
          service  = var.name
          port     = local.port
          key_file = "/etc/metrics-key/key"
        })
      }

      resources {
        limits   = { cpu = "1", memory = "512Mi" }
        cpu_idle = false
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 30

        http_get {
          path = "/"
          port = 13133
        }
      }

      volume_mounts {
        name       = "metrics-key"
        mount_path = "/etc/metrics-key"
      }
    }

    volumes {
      name = "database-ca"

      secret {
        secret = var.server_ca.secret

        items {
          path    = basename(var.server_ca_path)
          version = var.server_ca.version
        }
      }
    }

    volumes {
      name = "metrics-key"

      secret {
        secret = var.collector.key.secret

        items {
          path    = "key"
          version = var.collector.key.version
        }
      }
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY" # the database; Google's APIs are reached without the network

      network_interfaces {
        network    = var.network_id
        subnetwork = var.subnet_id
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }
}
