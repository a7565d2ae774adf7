variable "name" {
  description = "Name of the repository."
  type        = string
}

variable "region" {
  description = "Region of the repository."
  type        = string
}

variable "keep" {
  description = "Newest images that stay whatever their age: what a rollback may need."
  type        = number
  default     = 20
}

variable "delete_after_days" {
  description = "Age at which all others go."
  type        = number
  default     = 90
}

variable "readers" {
  description = "Who else may pull: serviceAccount:..."
  type        = list(string)
  default     = []
}
