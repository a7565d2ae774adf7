output "name" {
  description = "Name of the secret, once its readers may read it."
  value       = google_secret_manager_secret.this.secret_id
  depends_on  = [google_secret_manager_secret_iam_member.reader]
}

output "version" {
  description = "The version written last, `latest` where values are added by hand. A new number is a new revision of whoever uses it."
  value       = var.value_version == null ? "latest" : google_secret_manager_secret_version.this[0].version
}
