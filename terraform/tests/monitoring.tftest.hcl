mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  name              = "ingot-test"
  project_id        = "ingot-test-1"
  service           = "ingot-test-api"
  database_instance = "ingot-test"
  uptime_host       = "ingot-api-abc-ew.a.run.app"
  emails            = ["ops@example.com", "lead@example.com"]
  rules_file        = "../deploy/prometheus/alerts.yml"
  runbooks_url      = "https://example.com/docs/runbooks"
}

run "public" {
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition = alltrue([for name, policy in google_monitoring_alert_policy.rule :
      length(policy.notification_channels) == 2 && one(policy.documentation[0].links).url == "https://example.com/docs/runbooks/${name}.md"
    ])
    error_message = "Every alert tells everybody, and links to its runbook."
  }

  assert {
    condition     = length(setsubtract(["IngotDown", "IngotLagHigh", "IngotFreshnessStale", "IngotServerErrors", "IngotRunsFailing", "IngotNotReady"], output.alerts)) == 0
    error_message = "Lag, freshness, 5xx, failed runs and being down are watched."
  }

  assert {
    condition     = google_monitoring_uptime_check_config.ready[0].http_check[0].path == "/health/ready" && google_monitoring_uptime_check_config.ready[0].http_check[0].validate_ssl
    error_message = "Readiness is asked from outside."
  }

  # Managed Service for Prometheus has no recording rules of ours.
  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.rule : !can(regex("\\bingot:", one(policy.conditions).condition_prometheus_query_language[0].query))])
    error_message = "Queries stand on metrics that are there."
  }

  assert {
    condition     = strcontains(one(google_monitoring_alert_policy.rule["IngotServerErrors"].conditions).condition_prometheus_query_language[0].query, "service_name=\"ingot-test-api\"")
    error_message = "5xx are those of this service."
  }

  assert {
    condition     = one(google_monitoring_alert_policy.rule["IngotLagHigh"].conditions).condition_prometheus_query_language[0].duration == "300s" && google_monitoring_alert_policy.rule["IngotLagHigh"].severity == "CRITICAL"
    error_message = "Durations and severities are those of the rules."
  }

  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.rule : !strcontains(policy.documentation[0].content, "{{")])
    error_message = "What people read has no templates in it."
  }
}

run "private" {
  module {
    source = "./modules/monitoring"
  }

  variables {
    uptime_host = null
  }

  assert {
    condition     = length(google_monitoring_uptime_check_config.ready) == 0 && length(google_monitoring_alert_policy.not_ready) == 0 && can(google_monitoring_alert_policy.rule["IngotNotReady"])
    error_message = "What nobody outside can reach is not asked from outside; its own metrics say whether it is ready."
  }
}
