# Survives the loss of a zone. alert_emails must be given: TF_VAR_alert_emails='["ops@example.com"]'.
environment = "prod"

database = {
  tier                = "db-custom-4-15360"
  high_availability   = true
  deletion_protection = true
  disk_gb             = 100
  disk_limit_gb       = 2000
  backups             = 30
}

api = {
  min_instances = 2
  max_instances = 8
}

transform = {
  instances  = 2
  cpu        = 2
  memory_mib = 2048
}

trace_ratio = 0.01
