variable "name" {
  description = "Name of the network and prefix of what belongs to it."
  type        = string
}

variable "region" {
  description = "Region of the subnet."
  type        = string
}

variable "subnet_cidr" {
  description = "Private IPv4 range that Cloud Run instances take their addresses from."
  type        = string
}
