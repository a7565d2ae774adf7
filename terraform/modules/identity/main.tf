# One account for each kind of process. What each may do beside this is said where it is: which secrets it reads.
resource "google_service_account" "this" {
  for_each = var.accounts

  account_id   = "${var.name}-${each.key}"
  display_name = "Ingot ${each.key}"
  description  = each.value.description
}

resource "google_project_iam_member" "this" {
  for_each = merge([
    for name, account in var.accounts : {
      for role in account.roles : "${name} ${role}" => { account = name, role = role }
    }
  ]...)

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.this[each.value.account].member
}
