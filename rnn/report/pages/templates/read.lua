-- Markdown and LaTeX to HTML, and formulas to MathML, in one run of `pandoc lua`.
-- Standard input is JSON: {fragments = {{text, from = 'markdown' or 'latex'}}, formulas = {{tex, display}}}.
-- Standard output is JSON: {fragments = {html}, formulas = {mathml, or else where TeX is not understood}}.

local job = pandoc.json.decode(io.read('a'), false)
local options = pandoc.WriterOptions{html_math_method = 'mathml', wrap_text = 'none'}
local markdown = 'commonmark+smart+pipe_tables+strikeout+task_lists+autolink_bare_uris'
local found = {fragments = pandoc.List{}, formulas = pandoc.List{}} -- as JSON lists, not objects

for index, fragment in ipairs(job.fragments) do
  local from = fragment.from == 'markdown' and markdown or fragment.from
  local ok, html = pcall(function() -- the last argument is what it may read: no files
    return pandoc.write(pandoc.read(fragment.text, from, nil, {}), 'html', options)
  end)
  found.fragments[index] = ok and html or ''
end
for index, formula in ipairs(job.formulas) do
  local kind = formula.display and 'DisplayMath' or 'InlineMath'
  local math = pandoc.Plain{pandoc.Math(kind, formula.tex)}
  local ok, mathml = pcall(pandoc.write, pandoc.Pandoc{math}, 'html', options)
  found.formulas[index] = ok and mathml or ''
end
io.write(pandoc.json.encode(found))
