/** The query string of a route that takes none: every parameter is refused, as a misspelt one would be elsewhere. */
export class NoQuery {}
