variable "name" {
  description = "What the alerts are about, for instance ingot-prod."
  type        = string
}

variable "project_id" {
  description = "Project of the metrics."
  type        = string
}

variable "service" {
  description = "Name of the Cloud Run service that answers requests."
  type        = string
}

variable "database_instance" {
  description = "Name of the Cloud SQL instance."
  type        = string
}

variable "uptime_host" {
  description = "Host that is asked from outside; null where nobody outside can reach it."
  type        = string
}

variable "emails" {
  description = "Who is told."
  type        = list(string)
}

variable "rules_file" {
  description = "Alerting rules in Prometheus' format."
  type        = string
}

variable "runbooks_url" {
  description = "Where the runbooks are read."
  type        = string
}

variable "labels" {
  description = "Labels of the alert policies."
  type        = map(string)
  default     = {}
}
