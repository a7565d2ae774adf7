mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  name    = "ingot-test-secret"
  region  = "europe-west1"
  readers = { api = "serviceAccount:api@ingot-test-1.iam.gserviceaccount.com", transform = "serviceAccount:transform@ingot-test-1.iam.gserviceaccount.com" }
}

run "filled_by_hand" {
  module {
    source = "./modules/secret"
  }

  variables {
    value = "not written without a version"
  }

  assert {
    condition     = length(google_secret_manager_secret_version.this) == 0 && output.version == "latest"
    error_message = "Without a version Terraform writes no value."
  }

  assert {
    condition     = google_secret_manager_secret.this.replication[0].user_managed[0].replicas[0].location == "europe-west1"
    error_message = "The secret stays in its region."
  }

  assert {
    condition = (
      length(google_secret_manager_secret_iam_member.reader) == 2 &&
      alltrue([for reader in google_secret_manager_secret_iam_member.reader : reader.role == "roles/secretmanager.secretAccessor"])
    )
    error_message = "Those named may read this secret."
  }
}

run "written_once" {
  module {
    source = "./modules/secret"
  }

  variables {
    value         = "postgres://somebody"
    value_version = 1
  }

  assert {
    condition     = google_secret_manager_secret_version.this[0].secret_data == null && google_secret_manager_secret_version.this[0].secret_data_wo == null
    error_message = "The value is in neither attribute that the state keeps."
  }

  assert {
    condition     = output.version == "7"
    error_message = "The version is named."
  }
}
