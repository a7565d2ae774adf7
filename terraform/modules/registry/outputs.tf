output "url" {
  description = "What an image's name begins with: HOST/PROJECT/REPOSITORY."
  value       = google_artifact_registry_repository.images.registry_uri
}
