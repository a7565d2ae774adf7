mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  name       = "ingot-test"
  project_id = "ingot-test-1"
}

run "accounts" {
  module {
    source = "./modules/identity"
  }

  variables {
    accounts = {
      api      = { description = "takes lines and answers", roles = ["roles/monitoring.metricWriter", "roles/cloudtrace.agent"] }
      operator = { description = "migrates and applies", roles = [] }
    }
  }

  assert {
    condition     = google_service_account.this["api"].account_id == "ingot-test-api" && length(google_service_account.this) == 2
    error_message = "Each process has an account of its own."
  }

  assert {
    condition     = toset(keys(google_project_iam_member.this)) == toset(["api roles/monitoring.metricWriter", "api roles/cloudtrace.agent"])
    error_message = "An account has the roles it was given, one without any has none."
  }
}

run "a_basic_role" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    accounts = { api = { description = "takes lines and answers", roles = ["roles/editor"] } }
  }

  expect_failures = [var.accounts]
}

run "an_administrator" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    accounts = { api = { description = "takes lines and answers", roles = ["roles/cloudsql.admin"] } }
  }

  expect_failures = [var.accounts]
}
