locals {
  name   = "ingot-${var.environment}"
  labels = { app = "ingot", environment = var.environment }

  # Without an image there is nothing to run yet.
  deployed = var.image != null

  server_ca_path = "/etc/ingot/database/server-ca.pem"

  # The most sessions a process holds beside its reads, as the service itself counts them; tests/configuration.spec.ts compares.
  api_sessions_beside_reads       = 16
  transform_sessions_beside_reads = 12
  transform_read_pool_max         = 1

  # Twice, because a release starts its instances before the last one's stop; the rest is for the operator job, people and Cloud SQL itself.
  sessions = 30 + 2 * (
    var.api.max_instances * (local.api_sessions_beside_reads + var.api.read_pool_max) +
    (var.transform.instances + 1) * (local.transform_sessions_beside_reads + local.transform_read_pool_max)
  )

  # A read holds its connection for a fraction of a request's time and POSTs share a handful, so ten requests find a
  # connection where each of the pool serves them in turn; those that do not are asked to come again.
  concurrency = min(1000, 10 * var.api.read_pool_max)

  processes = {
    api       = { description = "takes lines and answers", roles = ["roles/monitoring.metricWriter", "roles/cloudtrace.agent"] }
    transform = { description = "runs the models", roles = ["roles/monitoring.metricWriter", "roles/cloudtrace.agent"] }
    operator  = { description = "migrates and applies", roles = [] }
  }

  # Logins beside the owner, with the group role each is a member of and the setting that holds its URL.
  logins = {
    ingest = { role = "ingot_ingest", variable = "DATABASE_INGEST_URL" }
    read   = { role = "ingot_read", variable = "DATABASE_READ_URL" }
    run    = { role = "ingot_run", variable = "DATABASE_RUN_URL" }
  }

  serving = { for name in ["api", "transform"] : name => module.identity.members[name] }
}

resource "google_project_service" "this" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudtrace.googleapis.com",
    "compute.googleapis.com",
    "containerscanning.googleapis.com",
    "iam.googleapis.com",
    "monitoring.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "sqladmin.googleapis.com",
  ])

  service            = each.value
  disable_on_destroy = false
}

module "registry" {
  source     = "./modules/registry"
  depends_on = [google_project_service.this]

  name    = local.name
  region  = var.region
  readers = var.registry_readers
}

module "network" {
  source     = "./modules/network"
  depends_on = [google_project_service.this]

  name        = local.name
  region      = var.region
  subnet_cidr = var.subnet_cidr
}

module "identity" {
  source     = "./modules/identity"
  depends_on = [google_project_service.this]

  name       = local.name
  project_id = var.project_id
  accounts   = local.processes
}

module "database" {
  source = "./modules/database"

  name                  = local.name
  region                = var.region
  network_id            = module.network.network_id
  services_range        = module.network.services_range
  database_version      = var.database.version
  tier                  = var.database.tier
  edition               = var.database.edition
  high_availability     = var.database.high_availability
  disk_gb               = var.database.disk_gb
  disk_limit_gb         = var.database.disk_limit_gb
  backups               = var.database.backups
  recovery_days         = var.database.recovery_days
  deletion_protection   = var.database.deletion_protection
  maintenance_day       = var.database.maintenance_day
  maintenance_hour      = var.database.maintenance_hour
  slow_statement_ms     = var.database.slow_statement_ms
  insights_query_length = var.database.insights_query_length
  max_connections       = local.sessions
  additional_flags      = var.database.additional_flags
  labels                = local.labels
}

# No secret, but Cloud Run mounts files from nowhere else. It may stand in the state.
resource "google_secret_manager_secret_version" "server_ca" {
  secret          = module.server_ca.name
  secret_data     = module.database.server_ca
  deletion_policy = "DISABLE"
}

module "server_ca" {
  source     = "./modules/secret"
  depends_on = [google_project_service.this]

  name    = "${local.name}-server-ca"
  region  = var.region
  readers = module.identity.members
}

# The key by which collectors read /metrics. Only Ingot can make one: docs/deploy-google-cloud.md.
module "metrics_key" {
  source     = "./modules/secret"
  depends_on = [google_project_service.this]

  name    = "${local.name}-metrics-key"
  region  = var.region
  readers = local.serving
}

# Owns the database. Serving processes need it as well: for API keys and for partitions, which belong to it.
module "owner" {
  source = "./modules/login"

  name             = "ingot"
  secret_name      = "${local.name}-database-url"
  password_version = var.database.password_version
  region           = var.region
  instance         = module.database.instance
  host             = module.database.host
  database         = module.database.database
  server_ca_path   = local.server_ca_path
  readers          = module.identity.members
}

module "operator_job" {
  source = "./modules/operator-job"
  count  = local.deployed ? 1 : 0

  name            = "${local.name}-operator"
  region          = var.region
  image           = var.image
  service_account = module.identity.emails["operator"]
  secrets         = { DATABASE_URL = module.owner.secret }
  server_ca       = { secret = module.server_ca.name, version = google_secret_manager_secret_version.server_ca.version }
  server_ca_path  = local.server_ca_path
  network_id      = module.network.network_id
  subnet_id       = module.network.subnet_id
  labels          = local.labels
}

# Made after the job, which makes the group roles.
module "logins" {
  source     = "./modules/login"
  for_each   = local.deployed ? local.logins : {}
  depends_on = [module.operator_job]

  name             = "ingot_login_${each.key}"
  roles            = [each.value.role]
  secret_name      = "${local.name}-database-${each.key}-url"
  password_version = var.database.password_version
  region           = var.region
  instance         = module.database.instance
  host             = module.database.host
  database         = module.database.database
  server_ca_path   = local.server_ca_path
  readers          = local.serving
}

module "services" {
  source     = "./modules/service"
  depends_on = [module.operator_job]

  for_each = local.deployed ? {
    api = {
      ingress              = var.public ? "ALL" : "INTERNAL_LOAD_BALANCER"
      invoker_iam_disabled = true
      min_instances        = var.api.min_instances
      max_instances        = var.api.max_instances
      concurrency          = local.concurrency
      cpu                  = var.api.cpu
      memory_mib           = var.api.memory_mib
      spool_mib            = var.api.spool_mib
      read_pool_max        = var.api.read_pool_max
      settings             = {}
    }
    transform = {
      ingress              = "INTERNAL_ONLY"
      invoker_iam_disabled = false
      min_instances        = var.transform.instances
      max_instances        = var.transform.instances
      concurrency          = 10
      cpu                  = var.transform.cpu
      memory_mib           = var.transform.memory_mib
      spool_mib            = 16
      read_pool_max        = local.transform_read_pool_max
      settings             = { INGOT_RUN_MAX_ROWS = tostring(var.transform.run_max_rows) }
    }
  } : {}

  name                 = "${local.name}-${each.key}"
  role                 = each.key
  region               = var.region
  image                = var.image
  service_account      = module.identity.emails[each.key]
  ingress              = each.value.ingress
  invoker_iam_disabled = each.value.invoker_iam_disabled
  min_instances        = each.value.min_instances
  max_instances        = each.value.max_instances
  concurrency          = each.value.concurrency
  cpu                  = each.value.cpu
  memory_mib           = each.value.memory_mib
  spool_mib            = each.value.spool_mib
  read_pool_max        = each.value.read_pool_max
  settings             = merge(var.settings, each.value.settings)
  trusted_proxies      = var.trusted_proxies
  trace_ratio          = var.trace_ratio
  secrets = merge(
    { DATABASE_URL = module.owner.secret },
    { for name, login in local.logins : login.variable => module.logins[name].secret },
  )
  server_ca           = { secret = module.server_ca.name, version = google_secret_manager_secret_version.server_ca.version }
  server_ca_path      = local.server_ca_path
  collector           = { image = var.collector_image, key = { secret = module.metrics_key.name, version = module.metrics_key.version } }
  network_id          = module.network.network_id
  subnet_id           = module.network.subnet_id
  deletion_protection = var.environment == "prod"
  labels              = local.labels
}

module "monitoring" {
  source = "./modules/monitoring"
  count  = local.deployed ? 1 : 0

  name              = local.name
  project_id        = var.project_id
  service           = module.services["api"].name
  database_instance = module.database.instance
  uptime_host       = var.public ? trimprefix(module.services["api"].url, "https://") : null
  emails            = var.alert_emails
  rules_file        = "${path.root}/../deploy/prometheus/alerts.yml"
  runbooks_url      = var.runbooks_url
  labels            = local.labels
}
