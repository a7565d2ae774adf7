variable "name" {
  description = "Name of the Cloud Run service."
  type        = string
}

variable "role" {
  description = "INGOT_ROLE: api takes lines and answers, transform runs the models."
  type        = string

  validation {
    condition     = contains(["api", "transform"], var.role)
    error_message = "role must be api or transform."
  }
}

variable "region" {
  description = "Region of the service."
  type        = string
}

variable "image" {
  description = "Image of Ingot, by digest."
  type        = string
}

variable "service_account" {
  description = "Account its instances act as."
  type        = string
}

variable "ingress" {
  description = "Where requests may come from: ALL, INTERNAL_LOAD_BALANCER (the VPC and load balancers) or INTERNAL_ONLY."
  type        = string

  validation {
    condition     = contains(["ALL", "INTERNAL_LOAD_BALANCER", "INTERNAL_ONLY"], var.ingress)
    error_message = "ingress must be ALL, INTERNAL_LOAD_BALANCER or INTERNAL_ONLY."
  }
}

variable "invoker_iam_disabled" {
  description = "Whether callers need no identity of Google's."
  type        = bool
  default     = false
}

variable "min_instances" {
  description = "Instances that always run."
  type        = number
}

variable "max_instances" {
  description = "Instances at most."
  type        = number
}

variable "concurrency" {
  description = "Requests an instance takes at a time before there is a further instance."
  type        = number
}

variable "timeout_seconds" {
  description = "How long a request may take; a streamed answer counts to its end."
  type        = number
  default     = 900
}

variable "cpu" {
  description = "CPUs of an instance."
  type        = number
}

variable "memory_mib" {
  description = "Memory of an instance, files included."
  type        = number
}

variable "spool_mib" {
  description = "How much of it may hold the parts of answers that clients have not taken yet."
  type        = number
}

variable "read_pool_max" {
  description = "Connections for reads of an instance."
  type        = number
}

variable "settings" {
  description = "Further environment variables."
  type        = map(string)
  default     = {}
}

variable "trusted_proxies" {
  description = "Ranges whose X-Forwarded-For is believed."
  type        = list(string)
}

variable "trace_ratio" {
  description = "Share of requests that are traced."
  type        = number
  default     = 0
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

variable "collector" {
  description = "Image of the collector, and the secret with the key by which it reads /metrics."
  type = object({
    image = string
    key   = object({ secret = string, version = string })
  })
}

variable "network_id" {
  description = "Network in which the database is reached."
  type        = string
}

variable "subnet_id" {
  description = "Subnet it sends from."
  type        = string
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service."
  type        = bool
}

variable "labels" {
  description = "Labels of service and revisions."
  type        = map(string)
  default     = {}
}
