# One zone, little of everything, nothing that costs while nobody looks but the database itself.
environment = "dev"

database = {
  tier                = "db-custom-1-3840"
  high_availability   = false
  deletion_protection = false
}

api = {
  min_instances = 0
  max_instances = 2
  cpu           = 1
  memory_mib    = 1024
  spool_mib     = 256
}

transform = {
  instances = 1
}

alert_emails = []
