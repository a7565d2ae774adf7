locals {
  # The same rules as where Prometheus runs, under the same names. Managed Service for Prometheus takes their expressions as they are.
  prometheus = {
    for rule in flatten([for group in yamldecode(file(var.rules_file)).groups : group.rules]) : rule.alert => {
      query       = rule.expr
      duration    = try(regex("^([0-9]+)([smh])$", rule["for"]), ["0", "s"])
      severity    = rule.labels.severity == "page" ? "CRITICAL" : "WARNING"
      description = replace(rule.annotations.description, "/\\{\\{[^}]*\\}\\}/", "...") # its templates are Prometheus' own
    } if can(rule.alert)
  }

  # Where Google knows better than the service: run_googleapis_com: and cloudsql_googleapis_com: are its own metrics.
  google = {
    # Silence is an alert too: a collector that cannot read /metrics would hide all others.
    IngotDown = {
      query       = "absent(ingot_build_info)"
      duration    = ["5", "m"]
      description = "No metrics arrive. Either nothing runs, or the collectors cannot read /metrics: their container's log says why."
    }
    IngotServerErrors = {
      query       = "sum(rate(run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\",service_name=\"${var.service}\",response_code_class=\"5xx\"}[5m])) / sum(rate(run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\",service_name=\"${var.service}\"}[5m])) > 0.01"
      duration    = ["5", "m"]
      description = "More than one request in a hundred is answered with 5xx, as Cloud Run counts them: crashed instances included."
    }
    IngotDiskLow = {
      query       = "max(cloudsql_googleapis_com:database_disk_utilization{monitored_resource=\"cloudsql_database\",database_id=\"${var.project_id}:${var.database_instance}\"}) > 0.85"
      duration    = ["10", "m"]
      description = "The database has used more than 85 % of the disk it has. It grows by itself, up to its limit."
    }
  }

  # Readiness is asked from outside where it can be.
  rules = { for name, rule in local.prometheus : name => merge(rule, lookup(local.google, name, {})) if name != "IngotNotReady" || var.uptime_host == null }

  seconds = { s = 1, m = 60, h = 3600 }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.emails)

  display_name = "Ingot: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
}

resource "google_monitoring_alert_policy" "rule" {
  for_each = local.rules

  display_name          = "${each.key} (${var.name})"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
  user_labels           = var.labels

  conditions {
    display_name = each.key

    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = "${tonumber(each.value.duration[0]) * local.seconds[each.value.duration[1]]}s"
      evaluation_interval       = "60s"
      alert_rule                = each.key
      rule_group                = "ingot"
      disable_metric_validation = true # a metric that nothing has written yet is no mistake: the first apply comes before the first scrape
    }
  }

  documentation {
    subject   = "${each.key}: ${var.name}"
    mime_type = "text/markdown"
    content   = "${each.value.description}\n\nRunbook: ${var.runbooks_url}/${each.key}.md"

    links {
      display_name = "Runbook"
      url          = "${var.runbooks_url}/${each.key}.md"
    }
  }

  alert_strategy {
    auto_close = "3600s"
  }
}

# From outside, as devices come.
resource "google_monitoring_uptime_check_config" "ready" {
  count = var.uptime_host == null ? 0 : 1

  display_name = "${var.name} ready"
  timeout      = "10s"
  period       = "60s"

  http_check {
    path         = "/health/ready"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project_id
      host       = var.uptime_host
    }
  }
}

resource "google_monitoring_alert_policy" "not_ready" {
  count = var.uptime_host == null ? 0 : 1

  display_name          = "IngotNotReady (${var.name})"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
  user_labels           = var.labels

  conditions {
    display_name = "IngotNotReady"

    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.ready[0].uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1 # two places of the world at least, so that one of theirs does not wake anybody
      duration        = "120s"

      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.*"]
      }
    }
  }

  documentation {
    subject   = "IngotNotReady: ${var.name}"
    mime_type = "text/markdown"
    content   = "/health/ready has not answered 200 for two minutes.\n\nRunbook: ${var.runbooks_url}/IngotNotReady.md"

    links {
      display_name = "Runbook"
      url          = "${var.runbooks_url}/IngotNotReady.md"
    }
  }

  alert_strategy {
    auto_close = "3600s"
  }
}
