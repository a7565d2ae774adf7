resource "google_secret_manager_secret" "this" {
  secret_id = var.name

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

# Write-only: the value reaches Secret Manager and neither the plan nor the state. Without a version here, somebody adds one by hand.
resource "google_secret_manager_secret_version" "this" {
  count = var.value_version == null ? 0 : 1

  secret                 = google_secret_manager_secret.this.id
  secret_data_wo         = var.value
  secret_data_wo_version = var.value_version
  deletion_policy        = "DISABLE" # instances of the release before may still start with it
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = var.readers

  secret_id = google_secret_manager_secret.this.id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value
}
