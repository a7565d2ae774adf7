/** A command has done its work and the answer is no, e.g. a data test failed; everything was said already. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

/** The command line asks for what is not there to be asked, e.g. a selector of `run`: exit code 2 with this sentence. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage';
}
