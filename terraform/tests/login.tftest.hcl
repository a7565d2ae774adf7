# The random provider is the real one: it asks nobody, and an ephemeral resource cannot be mocked.
mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  name             = "ingot_login_read"
  roles            = ["ingot_read"]
  secret_name      = "ingot-test-database-read-url"
  password_version = 3
  region           = "europe-west1"
  instance         = "ingot-test"
  host             = "10.20.0.3"
  database         = "ingot"
  server_ca_path   = "/etc/ingot/database/server-ca.pem"
  readers          = { api = "serviceAccount:api@ingot-test-1.iam.gserviceaccount.com" }
}

run "login" {
  module {
    source = "./modules/login"
  }

  assert {
    condition     = google_sql_user.this.password == null && google_sql_user.this.password_wo == null && google_sql_user.this.password_wo_version == 3
    error_message = "The password is written, and not kept."
  }

  assert {
    condition     = google_sql_user.this.database_roles == tolist(["ingot_read"])
    error_message = "A login is a member of its group and of nothing else."
  }

  assert {
    condition     = output.secret == { secret = "ingot-test-database-read-url", version = "7" }
    error_message = "Whoever connects names the version, so that a new password is a new revision."
  }
}
