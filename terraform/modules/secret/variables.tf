variable "name" {
  description = "Name of the secret."
  type        = string
}

variable "region" {
  description = "The only region that holds it."
  type        = string
}

variable "value" {
  description = "What it holds; never kept by Terraform. null where somebody adds the value by hand."
  type        = string
  default     = null
  ephemeral   = true
}

variable "value_version" {
  description = "Raised to write the value anew; null where somebody adds the value by hand."
  type        = number
  default     = null
}

variable "readers" {
  description = "Who may read it, by a name of their own: serviceAccount:..."
  type        = map(string)
}
