# Opened anew in every plan and apply; only an apply that raises password_version writes it anywhere.
ephemeral "random_password" "this" {
  length  = 40
  special = false # it stands in a URL
}

resource "google_sql_user" "this" {
  name                = var.name
  instance            = var.instance
  password_wo         = ephemeral.random_password.this.result
  password_wo_version = var.password_version
  database_roles      = var.roles
  deletion_policy     = "ABANDON" # PostgreSQL refuses to drop a user that owns something
}

module "url" {
  source = "../secret"

  name   = var.secret_name
  region = var.region
  value = join("", [
    "postgres://${google_sql_user.this.name}:${ephemeral.random_password.this.result}@${var.host}:5432/${var.database}",
    "?uselibpqcompat=true&sslmode=verify-ca&sslrootcert=${var.server_ca_path}",
  ])
  value_version = var.password_version
  readers       = var.readers
}
