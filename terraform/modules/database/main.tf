resource "google_sql_database_instance" "this" {
  name                = var.name
  region              = var.region
  database_version    = var.database_version
  deletion_protection = var.deletion_protection

  settings {
    tier                        = var.tier
    edition                     = var.edition
    availability_type           = var.high_availability ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.deletion_protection
    disk_type                   = "PD_SSD"
    disk_size                   = var.disk_gb
    disk_autoresize             = true
    disk_autoresize_limit       = var.disk_limit_gb
    data_api_access             = "DISALLOW_DATA_API" # it would open a private instance to the internet
    user_labels                 = var.labels

    ip_configuration {
      ipv4_enabled       = false
      private_network    = var.network_id
      allocated_ip_range = var.services_range
      ssl_mode           = "ENCRYPTED_ONLY"
      server_ca_mode     = "GOOGLE_MANAGED_INTERNAL_CA" # a CA of this instance alone, so verify-ca is enough to know it
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "02:00"
      location                       = var.region
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = var.recovery_days

      backup_retention_settings {
        retained_backups = var.backups
        retention_unit   = "COUNT"
      }
    }

    maintenance_window {
      day          = var.maintenance_day
      hour         = var.maintenance_hour
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled  = true
      query_string_length     = var.insights_query_length
      record_application_tags = false
      record_client_address   = false
    }

    # Durability (fsync, full_page_writes, synchronous_commit) stays at the server's defaults, which are safe.
    dynamic "database_flags" {
      for_each = merge({
        log_lock_waits             = "on"
        log_min_duration_statement = tostring(var.slow_statement_ms)
        max_connections            = tostring(var.max_connections)
        track_io_timing            = "on"
      }, var.additional_flags)

      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }

  lifecycle {
    ignore_changes = [settings[0].disk_size] # Cloud SQL grows it
  }
}

resource "google_sql_database" "ingot" {
  name            = "ingot"
  instance        = google_sql_database_instance.this.name
  charset         = "UTF8"
  deletion_policy = "ABANDON" # it goes with the instance, which is protected
}
