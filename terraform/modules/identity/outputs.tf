output "emails" {
  description = "Addresses of the accounts, by process, once they have their roles."
  value       = { for name, account in google_service_account.this : name => account.email }
  depends_on  = [google_project_iam_member.this]
}

output "members" {
  description = "The accounts as members of IAM policies, by process."
  value       = { for name, account in google_service_account.this : name => account.member }
}
