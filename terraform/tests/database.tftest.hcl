mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  name                  = "ingot-test"
  region                = "europe-west1"
  network_id            = "projects/ingot-test-1/global/networks/ingot"
  services_range        = "ingot-test-services"
  database_version      = "POSTGRES_18"
  tier                  = "db-custom-2-7680"
  edition               = "ENTERPRISE"
  high_availability     = true
  disk_gb               = 20
  disk_limit_gb         = 100
  backups               = 14
  recovery_days         = 7
  deletion_protection   = true
  maintenance_day       = 7
  maintenance_hour      = 3
  slow_statement_ms     = 1000
  insights_query_length = 2048
  max_connections       = 190
  additional_flags      = { random_page_cost = "1.1" }
}

run "database" {
  module {
    source = "./modules/database"
  }

  assert {
    condition     = !google_sql_database_instance.this.settings[0].ip_configuration[0].ipv4_enabled && length(google_sql_database_instance.this.settings[0].ip_configuration[0].authorized_networks) == 0
    error_message = "The database has no public address and lets no network in by name."
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
    error_message = "The database refuses sessions without TLS."
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].data_api_access == "DISALLOW_DATA_API"
    error_message = "SQL does not reach the database by Google's API either."
  }

  assert {
    condition = (
      google_sql_database_instance.this.settings[0].backup_configuration[0].enabled &&
      google_sql_database_instance.this.settings[0].backup_configuration[0].point_in_time_recovery_enabled &&
      google_sql_database_instance.this.settings[0].backup_configuration[0].transaction_log_retention_days == 7 &&
      google_sql_database_instance.this.settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups == 14
    )
    error_message = "Backups and point-in-time recovery are on."
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].availability_type == "REGIONAL"
    error_message = "high_availability is a standby in another zone."
  }

  assert {
    condition     = google_sql_database_instance.this.deletion_protection && google_sql_database_instance.this.settings[0].deletion_protection_enabled
    error_message = "Deletion is refused by Terraform and by Cloud SQL."
  }

  assert {
    condition = { for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name => flag.value } == {
      log_lock_waits             = "on"
      log_min_duration_statement = "1000"
      max_connections            = "190"
      random_page_cost           = "1.1"
      track_io_timing            = "on"
    }
    error_message = "Flags are those named, and nothing about durability."
  }

  assert {
    condition     = strcontains(output.server_ca, "BEGIN CERTIFICATE") && output.host == "10.20.0.3"
    error_message = "Clients learn the address and how to know the server."
  }
}

run "one_zone" {
  module {
    source = "./modules/database"
  }

  variables {
    high_availability   = false
    deletion_protection = false
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].availability_type == "ZONAL" && !google_sql_database_instance.this.deletion_protection
    error_message = "Without high_availability there is no standby."
  }
}
