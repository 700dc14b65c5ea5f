// @huggingface/jinja, for comparison: requests and answers as of
// jinja_reference.py.
//
// NODE_PATH: where the package is. Exit code 77: it is not there.

const fs = require("fs");

let jinja;
try {
  jinja = require("@huggingface/jinja");
} catch (error) {
  console.error("skipped: " + error.message.split("\n")[0]);
  process.exit(77);
}

const compiled = new Map();
for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const request = JSON.parse(line);
  // It has a clock in every template, the others are asked without.
  const template = request.template.replaceAll("strftime_now", "no_clock");
  const variables = request.variables;
  let answer;
  try {
    if (!compiled.has(template))
      compiled.set(template, new jinja.Template(template));
    answer = { text: compiled.get(template).render(variables) };
  } catch (error) {
    answer = { error: String(error.message) };
  }
  fs.writeSync(1, JSON.stringify(answer) + "\n");
}
