// The site has one language, and the theme's switch finds translations only in folders of their own. So
// the pages below zh/ say here that they are in Chinese, and switch to the page that they translate.
const [, site] = location.pathname.match(/^(.*)\/zh\//) ?? [];
if (site !== undefined) {
  document.documentElement.lang = "zh-CN";
  for (const link of document.querySelectorAll("a[hreflang=en]")) {
    link.href = location.pathname.replace(`${site}/zh/`, `${site}/`);
  }
}
