# A network without a way out: no default route, no firewall rule that lets anybody in, no public address. Cloud Run
# reaches the database through it; its calls to Google's APIs do not pass here.
resource "google_compute_network" "this" {
  name                            = var.name
  auto_create_subnetworks         = false
  delete_default_routes_on_create = true
  routing_mode                    = "REGIONAL"
}

resource "google_compute_subnetwork" "cloud_run" {
  name                     = "${var.name}-cloud-run"
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = var.subnet_cidr
  private_ip_google_access = true
}

# Private Service Access: the range in Google's own network that Cloud SQL takes its address from.
resource "google_compute_global_address" "services" {
  name          = "${var.name}-services"
  network       = google_compute_network.this.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]

  # Google keeps the peering for days after the last Cloud SQL instance is gone, and refuses to delete it before.
  deletion_policy = "ABANDON"
}
