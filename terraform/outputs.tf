output "url" {
  description = "Where devices post and dashboards read; null before there is an image."
  value       = local.deployed ? module.services["api"].url : null
}

output "registry" {
  description = "Push images here: <registry>/ingot:<version>."
  value       = module.registry.url
}

output "database_instance" {
  description = "Name of the Cloud SQL instance, for gcloud sql."
  value       = module.database.instance
}

output "database_host" {
  description = "Its private address."
  value       = module.database.host
}

output "database_connections" {
  description = "max_connections of the database: what all instances may hold, twice over for a release."
  value       = local.sessions
}

output "operator_job" {
  description = "Job that runs other commands of Ingot: gcloud run jobs execute <operator_job> --args=keys,ls; null before there is an image."
  value       = local.deployed ? module.operator_job[0].name : null
}

output "metrics_key_secret" {
  description = "Secret to put the collectors' key into."
  value       = module.metrics_key.name
}

output "alerts" {
  description = "Alerts by name, as their runbooks are called."
  value       = local.deployed ? module.monitoring[0].alerts : []
}
