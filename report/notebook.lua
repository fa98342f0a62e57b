-- Pandoc filter for the notebooks' PDFs: a picture is centred and stays with the text above it; a short table is not broken.

local SHORT = 16 -- rows

function Blocks(blocks)
  local done, text_above = pandoc.List(), false
  for _, block in ipairs(blocks) do
    local picture = block.t == "Para" and #block.content == 1 and block.content[1].t == "Image"
    if picture then
      done:insert(pandoc.RawBlock("latex", text_above and "\\nopagebreak" or ""))
      block.content:insert(1, pandoc.RawInline("latex", "{\\centering "))
      block.content:insert(pandoc.RawInline("latex", "\\par}"))
    elseif block.t == "Table" and #block.bodies[1].body <= SHORT then
      local wraps = (block.colspecs[1][2] or 0) > 0 -- its columns have widths: about three lines a row
      local lines = #block.bodies[1].body * (wraps and 3 or 1) + 3
      done:insert(pandoc.RawBlock("latex", "\\Needspace{" .. lines .. "\\baselineskip}"))
    end
    done:insert(block)
    text_above = not picture and block.t ~= "Table"
  end
  return done
end
