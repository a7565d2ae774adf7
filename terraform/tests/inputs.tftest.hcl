# What the inputs refuse.
mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id   = "ingot-test-1"
  environment  = "dev"
  alert_emails = []
  runbooks_url = "https://example.com/docs/runbooks"
  database     = { tier = "db-custom-1-3840", high_availability = false, deletion_protection = false }
  api          = { min_instances = 0, max_instances = 1 }
  transform    = { instances = 1 }
}

run "an_image_by_tag" {
  command = plan
  variables {
    image = "europe-west1-docker.pkg.dev/ingot-test-1/ingot/ingot:1.0.0"
  }
  expect_failures = [var.image]
}

run "a_public_range_for_the_subnet" {
  command = plan
  variables {
    subnet_cidr = "34.10.0.0/24"
  }
  expect_failures = [var.subnet_cidr]
}

run "a_subnet_too_small_for_cloud_run" {
  command = plan
  variables {
    subnet_cidr = "10.10.0.0/27"
  }
  expect_failures = [var.subnet_cidr]
}

run "acknowledgements_without_durability" {
  command = plan
  variables {
    database = { tier = "db-custom-1-3840", high_availability = false, deletion_protection = false, additional_flags = { synchronous_commit = "off" } }
  }
  expect_failures = [var.database]
}

run "an_older_postgresql" {
  command = plan
  variables {
    database = { tier = "db-custom-1-3840", high_availability = false, deletion_protection = false, version = "POSTGRES_14" }
  }
  expect_failures = [var.database]
}

run "production_in_one_zone" {
  command = plan
  variables {
    environment  = "prod"
    alert_emails = ["ops@example.com"]
    api          = { min_instances = 2, max_instances = 4 }
  }
  expect_failures = [var.database]
}

run "production_that_nobody_watches" {
  command = plan
  variables {
    environment = "prod"
    database    = { tier = "db-custom-4-15360", high_availability = true, deletion_protection = true }
    api         = { min_instances = 2, max_instances = 4 }
  }
  expect_failures = [var.alert_emails]
}

run "authentication_switched_off" {
  command = plan
  variables {
    settings = { INGOT_AUTH = "off" }
  }
  expect_failures = [var.settings]
}

run "a_password_among_the_settings" {
  command = plan
  variables {
    settings = { DATABASE_URL = "postgres://a:b@c/d" }
  }
  expect_failures = [var.settings]
}

run "everybody_a_trusted_proxy" {
  command = plan
  variables {
    trusted_proxies = ["0.0.0.0/0"]
  }
  expect_failures = [var.trusted_proxies]
}

run "more_spool_than_memory" {
  command = plan
  variables {
    api = { min_instances = 0, max_instances = 1, memory_mib = 1024, spool_mib = 1024 }
  }
  expect_failures = [var.api]
}

run "no_transform" {
  command = plan
  variables {
    transform = { instances = 0 }
  }
  expect_failures = [var.transform]
}

run "a_collector_of_any_version" {
  command = plan
  variables {
    collector_image = "us-docker.pkg.dev/x/otelcol-google:latest"
  }
  expect_failures = [var.collector_image]
}
