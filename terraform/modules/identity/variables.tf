variable "name" {
  description = "Prefix of the accounts' names."
  type        = string
}

variable "project_id" {
  description = "Project in which the roles hold."
  type        = string
}

variable "accounts" {
  description = "Service accounts to make, by the process that acts as them."
  type = map(object({
    description = string
    roles       = set(string)
  }))

  validation {
    condition = alltrue(flatten([
      for account in var.accounts : [for role in account.roles : !contains(["roles/owner", "roles/editor", "roles/viewer"], role) && !can(regex("(?i)admin$", role))]
    ]))
    error_message = "accounts must not get a basic role (owner, editor, viewer) or one that administers something."
  }
}
