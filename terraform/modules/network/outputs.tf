output "network_id" {
  description = "The network, for what is to have a private address in it."
  value       = google_compute_network.this.id
}

output "subnet_id" {
  description = "The subnet that Cloud Run sends from."
  value       = google_compute_subnetwork.cloud_run.id
}

output "services_range" {
  description = "Name of the range for Google's managed services. It is known once the peering stands, so whoever uses it waits for that."
  value       = google_compute_global_address.services.name
  depends_on  = [google_service_networking_connection.services]
}
