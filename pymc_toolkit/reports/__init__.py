"""Reports: a contract of numbers and sentences, figures made of it, and one offline HTML file."""
