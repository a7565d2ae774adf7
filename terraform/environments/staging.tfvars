# As production is, smaller: the same paths are taken, a failover included.
environment = "staging"

database = {
  tier                = "db-custom-2-7680"
  high_availability   = true
  deletion_protection = true
}

api = {
  min_instances = 1
  max_instances = 4
}

transform = {
  instances = 1
}

trace_ratio  = 0.1
alert_emails = []
