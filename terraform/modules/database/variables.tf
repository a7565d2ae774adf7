variable "name" {
  description = "Name of the Cloud SQL instance; after a deletion it stays taken for a week."
  type        = string
}

variable "region" {
  description = "Region of the instance and of its backups."
  type        = string
}

variable "network_id" {
  description = "Network in which the instance has its only address."
  type        = string
}

variable "services_range" {
  description = "Name of the range for managed services that the address is taken from."
  type        = string
}

variable "database_version" {
  description = "Major version, for instance POSTGRES_18."
  type        = string
}

variable "tier" {
  description = "Machine type."
  type        = string
}

variable "edition" {
  description = "ENTERPRISE or ENTERPRISE_PLUS."
  type        = string
}

variable "high_availability" {
  description = "Whether a standby in another zone takes over (synchronous, so nothing acknowledged is lost)."
  type        = bool
}

variable "disk_gb" {
  description = "Disk at the beginning, in GB; it grows by itself."
  type        = number
}

variable "disk_limit_gb" {
  description = "How far it may grow, in GB."
  type        = number
}

variable "backups" {
  description = "Daily backups that are kept."
  type        = number
}

variable "recovery_days" {
  description = "Days of WAL that are kept for point-in-time recovery."
  type        = number
}

variable "deletion_protection" {
  description = "Whether Terraform and Cloud SQL refuse to delete the instance."
  type        = bool
}

variable "maintenance_day" {
  description = "Day of the maintenance window, 1 (Monday) to 7."
  type        = number
}

variable "maintenance_hour" {
  description = "Hour of the maintenance window, UTC."
  type        = number
}

variable "slow_statement_ms" {
  description = "Statements that take longer are logged, in milliseconds."
  type        = number
}

variable "insights_query_length" {
  description = "Bytes of a statement that Query Insights keeps."
  type        = number
}

variable "max_connections" {
  description = "Sessions the server allows."
  type        = number
}

variable "additional_flags" {
  description = "Further database flags."
  type        = map(string)
  default     = {}
}

variable "labels" {
  description = "Labels of the instance."
  type        = map(string)
  default     = {}
}
