mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  name                 = "ingot-test-api"
  role                 = "api"
  region               = "europe-west1"
  image                = "europe-west1-docker.pkg.dev/ingot-test-1/ingot/ingot@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  service_account      = "api@ingot-test-1.iam.gserviceaccount.com"
  ingress              = "ALL"
  invoker_iam_disabled = true
  min_instances        = 2
  max_instances        = 8
  concurrency          = 100
  cpu                  = 2
  memory_mib           = 2048
  spool_mib            = 512
  read_pool_max        = 10
  trusted_proxies      = ["169.254.0.0/16"]
  trace_ratio          = 0.01
  settings             = { INGOT_FRESHNESS_WAIT_MS = "2000" }
  secrets              = { DATABASE_URL = { secret = "ingot-test-database-url", version = "7" } }
  server_ca            = { secret = "ingot-test-server-ca", version = "2" }
  server_ca_path       = "/etc/ingot/database/server-ca.pem"
  collector            = { image = "us-docker.pkg.dev/x/otelcol-google:0.156.0", key = { secret = "ingot-test-metrics-key", version = "latest" } }
  network_id           = "projects/ingot-test-1/global/networks/ingot"
  subnet_id            = "projects/ingot-test-1/regions/europe-west1/subnetworks/ingot-cloud-run"
  deletion_protection  = false
}

run "service" {
  module {
    source = "./modules/service"
  }

  assert {
    condition = alltrue([for name, value in {
      INGOT_ROLE              = "api"
      INGOT_AUTH              = "required"
      INGOT_APPLY             = "manual"
      INGOT_SHUTDOWN_MS       = "9000"
      INGOT_READ_POOL_MAX     = "10"
      INGOT_SPOOL_TOTAL_BYTES = "536870912"
      INGOT_FRESHNESS_WAIT_MS = "2000"
      OTEL_TRACES_SAMPLER_ARG = "0.01"
    } : one([for env in google_cloud_run_v2_service.this.template[0].containers[0].env : env.value if env.name == name]) == value])
    error_message = "The service gets its role, authentication that is required, and limits that fit the instance."
  }

  assert {
    condition = one([
      for env in google_cloud_run_v2_service.this.template[0].containers[0].env : env.value_source[0].secret_key_ref[0] if env.name == "DATABASE_URL"
    ]) == { secret = "ingot-test-database-url", version = "7" }
    error_message = "URLs of the database come from Secret Manager, by version."
  }

  assert {
    condition = (
      google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].http_get[0].path == "/health/ready" &&
      google_cloud_run_v2_service.this.template[0].containers[0].readiness_probe[0].http_get[0].path == "/health/ready" &&
      google_cloud_run_v2_service.this.template[0].containers[0].liveness_probe[0].http_get[0].path == "/health/live"
    )
    error_message = "Traffic follows readiness, restarts follow liveness."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].vpc_access[0].connector == null && google_cloud_run_v2_service.this.template[0].vpc_access[0].network_interfaces[0].subnetwork == var.subnet_id
    error_message = "Egress is direct, without a connector."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].scaling[0].min_instance_count == 2 && google_cloud_run_v2_service.this.template[0].max_instance_request_concurrency == 100
    error_message = "Instances and concurrency are those given."
  }

  assert {
    condition     = !google_cloud_run_v2_service.this.template[0].containers[0].resources[0].cpu_idle && !google_cloud_run_v2_service.this.template[0].containers[1].resources[0].cpu_idle
    error_message = "Work goes on between requests."
  }

  assert {
    condition = (
      yamldecode(one(google_cloud_run_v2_service.this.template[0].containers[1].env).value).receivers.prometheus.config.scrape_configs[0].static_configs[0].targets == ["127.0.0.1:3000"] &&
      yamldecode(one(google_cloud_run_v2_service.this.template[0].containers[1].env).value).receivers.prometheus.config.scrape_configs[0].authorization.credentials_file == "/etc/metrics-key/key"
    )
    error_message = "The collector reads /metrics of its own instance, with a key."
  }
}

run "transform" {
  module {
    source = "./modules/service"
  }

  variables {
    role                 = "transform"
    ingress              = "INTERNAL_ONLY"
    invoker_iam_disabled = false
    trace_ratio          = 0
    read_pool_max        = 1
  }

  assert {
    condition     = google_cloud_run_v2_service.this.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && !google_cloud_run_v2_service.this.invoker_iam_disabled
    error_message = "Nobody calls what only runs models."
  }

  assert {
    condition     = length([for env in google_cloud_run_v2_service.this.template[0].containers[0].env : env if startswith(env.name, "OTEL_")]) == 0
    error_message = "Without a share nothing is traced."
  }

  assert {
    condition     = one([for env in google_cloud_run_v2_service.this.template[0].containers[0].env : env.value if env.name == "INGOT_READ_POOL_MIN"]) == "1"
    error_message = "A pool is never smaller than its smallest size."
  }
}
