# What Google would answer, where the configuration goes on with it.
mock_resource "google_sql_database_instance" {
  defaults = {
    private_ip_address = "10.20.0.3"
    server_ca_cert     = [{ cert = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----" }]
  }
}

mock_resource "google_service_account" {
  defaults = {
    email  = "account@project.iam.gserviceaccount.com"
    member = "serviceAccount:account@project.iam.gserviceaccount.com"
  }
}

mock_resource "google_compute_network" {
  defaults = {
    id = "projects/ingot-test-1/global/networks/ingot"
  }
}

mock_resource "google_compute_subnetwork" {
  defaults = {
    id = "projects/ingot-test-1/regions/europe-west1/subnetworks/ingot-cloud-run"
  }
}

mock_resource "google_artifact_registry_repository" {
  defaults = {
    registry_uri = "europe-west1-docker.pkg.dev/ingot-test-1/ingot"
  }
}

mock_resource "google_secret_manager_secret" {
  defaults = {
    id = "projects/ingot-test-1/secrets/mocked"
  }
}

mock_resource "google_secret_manager_secret_version" {
  defaults = {
    version = "7"
  }
}

mock_resource "google_cloud_run_v2_service" {
  defaults = {
    uri = "https://ingot-api-abc-ew.a.run.app"
  }
}

mock_resource "google_monitoring_uptime_check_config" {
  defaults = {
    uptime_check_id = "ready-abc"
  }
}
