mock_provider "google" {
  source = "./tests/mocks"
}

run "registry" {
  module {
    source = "./modules/registry"
  }

  variables {
    name    = "ingot-test"
    region  = "europe-west1"
    readers = ["serviceAccount:next@other.iam.gserviceaccount.com"]
  }

  assert {
    condition     = google_artifact_registry_repository.images.docker_config[0].immutable_tags
    error_message = "A tag never means another image."
  }

  assert {
    condition     = google_artifact_registry_repository.images.vulnerability_scanning_config[0].enablement_config == "INHERITED"
    error_message = "Images are scanned."
  }

  assert {
    condition     = { for policy in google_artifact_registry_repository.images.cleanup_policies : policy.id => policy.action } == { keep-newest = "KEEP", delete-old = "DELETE" }
    error_message = "Old images go, the newest stay."
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.reader["serviceAccount:next@other.iam.gserviceaccount.com"].role == "roles/artifactregistry.reader"
    error_message = "Readers only read."
  }
}
