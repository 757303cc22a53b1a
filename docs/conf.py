"""Settings of the site that tools/make_site.py builds: nothing is run and nothing is fetched."""

project = "Form & Facts"
html_title = project
language = "en"
extensions = ["myst_nb"]
nb_execution_mode = "off"  # the lessons are executed already
nb_code_prompt_show = "Show a solution"
nb_code_prompt_hide = "Hide the solution"
nb_ipywidgets_js = {}  # these and MathJax would come from another machine
myst_enable_extensions = []  # no formulas: a dollar is a dollar
myst_heading_anchors = 4
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
suppress_warnings = ["myst.header"]  # an exercise is a small heading wherever it stands
