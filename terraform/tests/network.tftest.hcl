mock_provider "google" {
  source = "./tests/mocks"
}

run "network" {
  module {
    source = "./modules/network"
  }

  variables {
    name        = "ingot-test"
    region      = "europe-west1"
    subnet_cidr = "10.10.0.0/24"
  }

  assert {
    condition     = google_compute_network.this.delete_default_routes_on_create && !google_compute_network.this.auto_create_subnetworks
    error_message = "The network has no way to the internet."
  }

  assert {
    condition     = google_compute_global_address.services.address_type == "INTERNAL" && google_compute_global_address.services.purpose == "VPC_PEERING"
    error_message = "Managed services get private addresses."
  }

  assert {
    condition     = output.services_range == "ingot-test-services"
    error_message = "The database takes its address from the peered range."
  }
}
