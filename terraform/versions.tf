terraform {
  required_version = ">= 1.11.4, < 2.0.0" # write-only arguments and ephemeral resources, which keep passwords out of the state

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # Bucket and prefix come from `terraform init -backend-config=...`: docs/deploy-google-cloud.md.
  backend "gcs" {}
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = local.labels
}
