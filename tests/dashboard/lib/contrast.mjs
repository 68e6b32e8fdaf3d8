// The contrast of what can be read on a page, by WCAG 2's formula.

/**
 * Everything visible whose text stands out less than AA asks for: `{text, ratio, needed}` each.
 * @param {import("playwright-core").Page} page
 */
export function faintTexts(page) {
  return page.evaluate(() => {
    const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
    const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
    const ratio = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
      }
      return [255, 255, 255];
    };
    const faint = [];
    for (const element of document.querySelectorAll("body *")) {
      const own = [...element.childNodes]
        .filter(({ nodeType }) => nodeType === Node.TEXT_NODE)
        .map(({ data }) => data.trim())
        .join("");
      const style = getComputedStyle(element);
      const clipped = element.closest(".hidden, .skip, [aria-disabled=true], option");
      if (!own || clipped || !element.checkVisibility()) continue;
      const colour = element.closest("svg") ? style.fill : style.color;
      const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
      const [found, needed] = [ratio(light(parse(colour)), light(behind(element))), large ? 3 : 4.5];
      if (found < needed) faint.push({ text: own.slice(0, 40), ratio: found, needed });
    }
    return faint;
  });
}
