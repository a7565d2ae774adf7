output "name" {
  description = "Name of the job, once it has run."
  value       = google_cloud_run_v2_job.this.name
}

output "execution" {
  description = "Suffix of the execution that belongs to this image and its settings."
  value       = local.execution
}
