# The whole configuration, once with each file of environments/:
#   terraform test -filter=tests/environment.tftest.hcl -var-file=environments/prod.tfvars
mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id   = "ingot-test-1"
  image        = "europe-west1-docker.pkg.dev/ingot-test-1/ingot/ingot@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  alert_emails = ["ops@example.com"]
  runbooks_url = "https://example.com/docs/runbooks"
}

run "first_apply_without_an_image" {
  variables {
    image = null
  }

  assert {
    condition     = output.url == null && output.operator_job == null && length(output.alerts) == 0
    error_message = "Without an image there is nothing to run, and nothing to watch."
  }

  assert {
    condition     = output.registry == "europe-west1-docker.pkg.dev/ingot-test-1/ingot"
    error_message = "The registry is there first: images are pushed to it."
  }
}

run "deployed" {
  assert {
    condition     = output.url == "https://ingot-api-abc-ew.a.run.app"
    error_message = "The api answers at its own address."
  }

  assert {
    condition     = output.operator_job == "ingot-${var.environment}-operator"
    error_message = "The operator job is named after the environment."
  }

  assert {
    condition     = contains(output.alerts, "IngotNotReady") && contains(output.alerts, "IngotLagHigh")
    error_message = "What runs is watched."
  }

  # Doubled, because a release runs two revisions at a time, within what Cloud SQL allows.
  assert {
    condition     = output.database_connections >= 2 * var.api.max_instances * var.api.read_pool_max && output.database_connections < 1500
    error_message = "max_connections must hold all reads of all instances of two revisions."
  }

  # Roughly what PostgreSQL needs for a session that does something.
  assert {
    condition     = output.database_connections * 10 <= tonumber(split("-", var.database.tier)[3])
    error_message = "The machine must have some 10 MB for each session it allows."
  }
}
