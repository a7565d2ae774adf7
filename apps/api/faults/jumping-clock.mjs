// Loaded into the service under test before its own code, by NODE_OPTIONS: each SIGUSR2 sets its clock an hour ahead, an
// hour back, and right again. Timers and performance.now() go on as they do when somebody sets the clock of a machine.
const HOUR = 3_600_000;
const JUMPS = [HOUR, -HOUR, 0];
const RealDate = Date;
let offset = 0;
let jumps = 0;

globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + offset);
    else super(...given);
  }

  static now() {
    return RealDate.now() + offset;
  }
};
process.on('SIGUSR2', () => (offset = JUMPS[jumps++ % JUMPS.length]));
