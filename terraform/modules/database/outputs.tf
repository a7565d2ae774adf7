output "instance" {
  description = "Name of the instance, once its database is there."
  value       = google_sql_database_instance.this.name
  depends_on  = [google_sql_database.ingot]
}

output "database" {
  description = "Name of the database."
  value       = google_sql_database.ingot.name
}

output "host" {
  description = "Private address of the instance."
  value       = google_sql_database_instance.this.private_ip_address
}

output "server_ca" {
  description = "Certificates (PEM) by which a client knows the server; not a secret. Two while a rotation is under way."
  value       = nonsensitive(join("\n", [for certificate in google_sql_database_instance.this.server_ca_cert : certificate.cert]))
}
