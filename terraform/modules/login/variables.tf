variable "name" {
  description = "Name of the PostgreSQL user."
  type        = string
}

variable "roles" {
  description = "Group roles it is a member of, which exist already. null makes it a cloudsqlsuperuser, as its owner of the database needs to be."
  type        = list(string)
  default     = null
}

variable "secret_name" {
  description = "Name of the secret that holds its URL."
  type        = string
}

variable "password_version" {
  description = "Raised to give it a new password."
  type        = number
}

variable "region" {
  description = "Region that holds the secret."
  type        = string
}

variable "instance" {
  description = "Name of the Cloud SQL instance."
  type        = string
}

variable "host" {
  description = "Address of the Cloud SQL instance."
  type        = string
}

variable "database" {
  description = "Name of the database."
  type        = string
}

variable "server_ca_path" {
  description = "Where clients find the certificate of the server's CA."
  type        = string
}

variable "readers" {
  description = "Who may read the URL, by a name of their own: serviceAccount:..."
  type        = map(string)
}
