export { ConfigError, describeConfig, loadConfig, redactUrl, type Config } from './config.js';
