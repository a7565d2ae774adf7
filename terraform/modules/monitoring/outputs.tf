output "alerts" {
  description = "Alerts by name, as their runbooks are called."
  value       = sort(keys(local.prometheus))
}
