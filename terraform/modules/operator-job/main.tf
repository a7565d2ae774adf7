# `ingot apply`, which migrates the operational schema and makes the tables agree with the files of the image. It runs to
# its end before this module is done, so whoever depends on it serves a database that is ready for it. Other commands
# run by hand: gcloud run jobs execute NAME --args=...
locals {
  # A new suffix is a new execution; the same one again would be refused.
  execution = "a${substr(sha256(jsonencode([var.image, var.args, var.secrets, var.server_ca])), 0, 12)}"
}

resource "google_cloud_run_v2_job" "this" {
  name                = var.name
  location            = var.region
  deletion_protection = false # it holds nothing
  run_execution_token = local.execution
  labels              = var.labels

  template {
    task_count  = 1
    parallelism = 1
    labels      = var.labels

    template {
      service_account = var.service_account
      timeout         = "${var.timeout_seconds}s"
      max_retries     = 0 # a migration that failed wants eyes, and apply resumes where it stopped

      containers {
        image = var.image
        args  = var.args

        resources {
          limits = { cpu = "1", memory = "1Gi" }
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

      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"

        network_interfaces {
          network    = var.network_id
          subnetwork = var.subnet_id
        }
      }
    }
  }

  timeouts {
    create = "${var.timeout_seconds + 300}s"
    update = "${var.timeout_seconds + 300}s"
  }
}
