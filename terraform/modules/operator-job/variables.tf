variable "name" {
  description = "Name of the job; with the suffix of an execution no longer than 62 characters."
  type        = string

  validation {
    condition     = length(var.name) <= 49
    error_message = "name must be 49 characters or shorter."
  }
}

variable "region" {
  description = "Region of the job."
  type        = string
}

variable "image" {
  description = "Image of Ingot, by digest."
  type        = string
}

variable "args" {
  description = "What the image is told to do before each release."
  type        = list(string)
  default     = ["apply"]
}

variable "timeout_seconds" {
  description = "How long it may take: changed models are built from all of history."
  type        = number
  default     = 3600
}

variable "service_account" {
  description = "Account it acts as."
  type        = string
}

variable "secrets" {
  description = "Environment variables taken from secrets."
  type        = map(object({ secret = string, version = string }))
}

variable "server_ca" {
  description = "Secret with the certificate of the database's CA."
  type        = object({ secret = string, version = string })
}

variable "server_ca_path" {
  description = "Where that certificate is mounted."
  type        = string
}

variable "network_id" {
  description = "Network in which the database is reached."
  type        = string
}

variable "subnet_id" {
  description = "Subnet it sends from."
  type        = string
}

variable "labels" {
  description = "Labels of the job."
  type        = map(string)
  default     = {}
}
