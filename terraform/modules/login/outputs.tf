output "secret" {
  description = "Secret and version that hold the URL."
  value = {
    secret  = module.url.name
    version = module.url.version
  }
}
