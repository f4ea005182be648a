"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data-items").textContent);
  const { rungs, strings, items } = data;
  const at = (id) => document.getElementById(id);
  const order = ["lost", "won", "both wrong", "both right", "wrong", "right"];
  const page = 50;
  let found = [], drawn = 0;

  // Text only ever enters the page through textContent, so nothing in it can run.
  const make = (name, css, text) => {
    const node = document.createElement(name);
    if (css) node.className = css;
    if (text !== undefined) { node.textContent = text; node.dir = "auto"; }
    return node;
  };
  const clip = (text, limit) => text.length > limit ? text.slice(0, limit) + "…" : text;
  const percent = (value) => (100 * value).toFixed(1) + "\u202f%";
  const time = (s) => s >= 1 ? s.toPrecision(3) + " s" : s >= 1e-3 ? (s * 1e3).toPrecision(3) + " ms" : (s * 1e6).toPrecision(3) + " µs";
  const of = (item, rung) => item[3].find((answer) => answer[0] === rung);
  const outcome = (item, a, b) => {
    if (a === b) return (of(item, a)?.[2] || 0) >= 1 ? "right" : "wrong";
    const mine = of(item, a)?.[2] || 0, theirs = of(item, b)?.[2] || 0;
    return mine > theirs ? "won" : mine < theirs ? "lost" : mine >= 1 ? "both right" : "both wrong";
  };
  const haystack = items.map((item) => [item[0], item[1], item[2], ...item[3].map((a) => a[1])].join("\n").toLowerCase());

  const odds = (answer) => {
    const rows = answer[8].map((label, i) => [strings[label], answer[9][i]]).sort((x, y) => y[1] - x[1]);
    const box = make("div", "odds " + rungs[answer[0]][1]);
    for (const [label, value] of rows.slice(0, 5)) {
      const bar = make("i");
      bar.style.width = Math.max(1, 90 * value) + "px";
      box.append(make("span", "", label), bar, make("span", "", percent(value)));
    }
    return box;
  };
  const prompt = (item, answer) => {
    const box = make("details");
    box.append(make("summary", "", "prompt"));
    box.addEventListener("toggle", () => {
      if (box.childElementCount > 1) return;
      for (const [role, before, length, after] of answer[7])
        box.append(make("p", "role", role), make("pre", "", strings[before] + item[1].slice(0, length) + strings[after]));
    });
    return box;
  };
  const answered = (item, answer) => {
    const box = make("div", "answer"), line = make("p");
    const fine = ["score " + (answer[2] === null ? "—" : +answer[2].toFixed(3)), time(answer[3]), `${answer[4]} tokens in, ${answer[5]} out`,
      ...answer[10].map((title) => "cites " + title), ...answer[11]].join(" · ");
    line.append(make("span", "swatch " + rungs[answer[0]][1]), make("b", "", rungs[answer[0]][0]), " ",
      make("span", answer[2] >= 1 ? "pass" : "fail", answer[2] >= 1 ? "✓" : "✗"), " ",
      make("span", "", (answer[6] ? "abstained " : "") + answer[1]), " ", make("span", "fine", fine));
    box.append(line);
    if (answer[8].length) box.append(odds(answer));
    if (answer[7].length) box.append(prompt(item, answer));
    return box;
  };
  const row = ([item, result], a, b) => {
    const box = make("details", "item"), head = make("summary");
    const said = [a, b].filter((rung, i, all) => all.indexOf(rung) === i && of(item, rung))
      .map((rung) => ` · ${rungs[rung][0]}: ${clip(of(item, rung)[1], 80)}`).join("");
    head.append(make("span", "tag " + result.replace(" ", "-"), result), make("span", "snippet", clip(item[1], 200)),
      make("span", "fine", "target: " + clip(item[2], 80) + said));
    box.append(head);
    box.addEventListener("toggle", () => {
      if (box.childElementCount > 1) return;
      const target = make("p");
      target.append(make("b", "", "Target"), " ", make("span", "", item[2]));
      box.append(make("p", "fine", item[0]), make("pre", "", item[1]), target, ...item[3].map((one) => answered(item, one)));
    });
    return box;
  };
  const draw = () => {
    const a = +at("rung-a").value, b = +at("rung-b").value;
    at("list").append(...found.slice(drawn, drawn + page).map((one) => row(one, a, b)));
    drawn = Math.min(drawn + page, found.length);
    at("more").hidden = drawn >= found.length;
    at("found").textContent = `${found.length} of ${items.length} items`;
  };
  const search = () => {
    const a = +at("rung-a").value, b = +at("rung-b").value;
    const words = at("q").value.toLowerCase().split(/\s+/).filter(Boolean), only = at("outcome").value;
    found = items.map((item, i) => [item, outcome(item, a, b), i])
      .filter(([, result, i]) => (!only || result === only) && words.every((word) => haystack[i].includes(word)))
      .sort((x, y) => order.indexOf(x[1]) - order.indexOf(y[1]) || x[2] - y[2]);
    drawn = 0;
    at("list").replaceChildren();
    draw();
  };
  for (const id of ["q", "outcome", "rung-a", "rung-b"]) at(id).addEventListener("input", search);
  at("more").addEventListener("click", draw);
  at("browser").hidden = false;
  search();
})();
