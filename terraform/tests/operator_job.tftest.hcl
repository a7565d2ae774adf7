mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  name            = "ingot-test-operator"
  region          = "europe-west1"
  image           = "europe-west1-docker.pkg.dev/ingot-test-1/ingot/ingot@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  service_account = "operator@ingot-test-1.iam.gserviceaccount.com"
  secrets         = { DATABASE_URL = { secret = "ingot-test-database-url", version = "7" } }
  server_ca       = { secret = "ingot-test-server-ca", version = "2" }
  server_ca_path  = "/etc/ingot/database/server-ca.pem"
  network_id      = "projects/ingot-test-1/global/networks/ingot"
  subnet_id       = "projects/ingot-test-1/regions/europe-west1/subnetworks/ingot-cloud-run"
}

run "first_release" {
  module {
    source = "./modules/operator-job"
  }

  assert {
    condition     = google_cloud_run_v2_job.this.template[0].template[0].containers[0].args == tolist(["apply"])
    error_message = "The job applies."
  }

  assert {
    condition     = google_cloud_run_v2_job.this.template[0].template[0].max_retries == 0 && google_cloud_run_v2_job.this.template[0].task_count == 1
    error_message = "It is tried once, by one task."
  }

  assert {
    condition     = length(google_cloud_run_v2_job.this.run_execution_token) + length(var.name) < 63
    error_message = "The name of the execution fits."
  }
}

run "next_release" {
  module {
    source = "./modules/operator-job"
  }

  variables {
    image = "europe-west1-docker.pkg.dev/ingot-test-1/ingot/ingot@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }

  assert {
    condition     = google_cloud_run_v2_job.this.run_execution_token != run.first_release.execution
    error_message = "Another image is another execution, or the new files would never be applied."
  }
}
